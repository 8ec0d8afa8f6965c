package load

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"ordersaga.internal/scripts/internal/stack"
)

// Operator does what people do who are called at night, on the admin ports.
type Operator struct{ managers *Client }

// NewOperator returns an operator of the stack's process managers.
func NewOperator(s *stack.Stack) (*Operator, error) {
	token, err := s.Keys.Token("olga", "operator", 24*time.Hour)
	if err != nil {
		return nil, err
	}
	var ports []string
	for _, p := range s.Programs {
		if p.Service.Name == "processmanager" {
			ports = append(ports, p.AdminAddr)
		}
	}
	return &Operator{NewClient(ports, token)}, nil
}

// ReleaseStorms releases every deadline storm that is on, and returns the steps.
func (o *Operator) ReleaseStorms(ctx context.Context, reason string) ([]string, error) {
	var page struct {
		Items []struct {
			ID   string `json:"storm_id"`
			Step string `json:"step"`
		} `json:"items"`
	}
	if _, err := o.managers.Do(ctx, http.MethodGet, "/admin/v1/storms?on=true&limit=200", "", nil, &page); err != nil {
		return nil, fmt.Errorf("list the storms: %w", err)
	}
	var steps []string
	for _, storm := range page.Items {
		path := "/admin/v1/storms/" + storm.ID + "/release"
		if _, err := o.managers.Do(ctx, http.MethodPost, path, "", map[string]string{"reason": reason}, nil); err != nil {
			return steps, fmt.Errorf("release the storm of %s: %w", storm.Step, err)
		}
		steps = append(steps, storm.Step)
	}
	return steps, nil
}
