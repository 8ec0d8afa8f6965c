package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"ordersaga.internal/scripts/internal/stack"
)

func tokenCommand() *cobra.Command {
	var role, subject, dir, output string
	var valid time.Duration
	cmd := &cobra.Command{
		Use: "token", Short: "Print a token for the local stack", Args: cobra.NoArgs,
		Example: "  scripts/token --role customer --subject alice\n  scripts/token --role operator --subject olga -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if role != "customer" && role != "operator" {
				return fmt.Errorf("%w: --role %q: give customer or operator", errUsage, role)
			}
			if subject == "" {
				return fmt.Errorf("%w: --subject: give the customer's or operator's id", errUsage)
			}
			root, err := stack.FindRoot()
			if err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			if !filepath.IsAbs(dir) {
				dir = filepath.Join(root, dir)
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("data folder: %w", err)
			}
			keys, err := stack.OpenKeys(dir)
			if err != nil {
				return err
			}
			token, err := keys.Token(subject, role, valid)
			if err != nil {
				return err
			}
			if output == "json" {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"token": token, "subject": subject, "role": role, "valid": valid.String()})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		},
	}
	cmd.Flags().StringVar(&role, "role", "customer", "customer or operator")
	cmd.Flags().StringVar(&subject, "subject", "alice", "whose token")
	cmd.Flags().StringVar(&dir, "data", ".data", "data folder of the stack")
	cmd.Flags().DurationVar(&valid, "valid", 12*time.Hour, "for how long")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}
