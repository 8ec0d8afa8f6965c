package stack

import (
	"context"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"

	"ordersaga.internal/scripts/internal/check/read"
)

// makeDatabases makes, for each service, a database, its owner (who migrates) and its run role (who has no DDL). What
// exists is kept.
func makeDatabases(ctx context.Context, superuser string, services []Service) error {
	conn, err := pgx.Connect(ctx, superuser)
	if err != nil {
		return fmt.Errorf("connect as the superuser: %w: %w", read.ErrUnreachable, err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is pending
	for _, s := range services {
		if s.Database == "" {
			continue
		}
		for _, role := range []string{s.Database + "_owner", s.Database + "_run"} {
			if err := make1(ctx, conn, "SELECT FROM pg_roles WHERE rolname = $1", role, "CREATE ROLE "+role+" LOGIN"); err != nil {
				return err
			}
		}
		if err := make1(ctx, conn, "SELECT FROM pg_database WHERE datname = $1", s.Database, "CREATE DATABASE "+s.Database+" OWNER "+s.Database+"_owner"); err != nil {
			return err
		}
		for _, sql := range []string{
			"REVOKE ALL ON DATABASE " + s.Database + " FROM PUBLIC",
			"GRANT CONNECT ON DATABASE " + s.Database + " TO " + s.Database + "_run",
		} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return fmt.Errorf("rights on database %s: %w", s.Database, err)
			}
		}
	}
	return nil
}

func make1(ctx context.Context, conn *pgx.Conn, exists, name, create string) error {
	tag, err := conn.Exec(ctx, exists, name)
	if err != nil {
		return fmt.Errorf("look for %s: %w", name, err)
	}
	if tag.RowsAffected() > 0 {
		return nil
	}
	if _, err := conn.Exec(ctx, create); err != nil {
		return fmt.Errorf("make %s: %w", name, err)
	}
	return nil
}

// databaseURL is the superuser's URL with another database and user.
func databaseURL(superuser, database, user string) (string, error) {
	u, err := url.Parse(superuser)
	if err != nil {
		return "", fmt.Errorf("--postgres: %w", err)
	}
	u.Path = "/" + database
	if _, has := u.User.Password(); has {
		return "", fmt.Errorf("--postgres: the roles are made without passwords, so the server must trust local connections")
	}
	u.User = url.User(user)
	return u.String(), nil
}
