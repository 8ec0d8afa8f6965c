package upgrade

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"ordersaga.internal/scripts/internal/stack"
)

// expand is the migration that every schema gets: a column more in each table. NAME is the schema's.
//
//go:embed expand.sql
var expand string

// BuildLater builds the checkout's programs into a folder. Unless plain, every schema has a migration more than the checkout
// says; no file of the checkout is touched.
func BuildLater(ctx context.Context, root, dir string, plain bool) (bin string, err error) {
	bin = filepath.Join(dir, "later")
	if plain {
		return bin, stack.Build(ctx, root, bin, stack.Services())
	}
	replace := map[string]string{}
	for name, folder := range schemas() {
		next, err := nextMigration(os.DirFS(root), folder)
		if err != nil {
			return "", err
		}
		file := filepath.Join(dir, name+".sql")
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(expand, "NAME", name)), 0o600); err != nil {
			return "", fmt.Errorf("one migration more: %w", err)
		}
		replace[filepath.Join(root, folder, fmt.Sprintf("%04d_upgrade.sql", next))] = file
	}
	overlay := filepath.Join(dir, "overlay.json")
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("one migration more: %w", err)
	}
	if err := os.WriteFile(overlay, content, 0o600); err != nil {
		return "", fmt.Errorf("one migration more: %w", err)
	}
	return bin, stack.Build(ctx, root, bin, stack.Services(), "-overlay", overlay)
}

// schemas are the folders of migrations, by the name of whose they are.
func schemas() map[string]string {
	all := map[string]string{"messaging": "infra/messaging/migrations"}
	for _, s := range stack.Services() {
		if s.Database != "" {
			all[s.Name] = s.Module + "/migrations"
		}
	}
	return all
}

// nextMigration is the number after the newest of a folder's migrations.
func nextMigration(root fs.FS, folder string) (int, error) {
	files, err := fs.Glob(root, folder+"/*.sql")
	if err != nil {
		return 0, fmt.Errorf("migrations in %s: %w", folder, err)
	}
	newest := 0
	for _, f := range files {
		number, _, _ := strings.Cut(path.Base(f), "_")
		n, err := strconv.Atoi(number)
		if err != nil {
			return 0, fmt.Errorf("%s: a migration's name begins with its number", f)
		}
		newest = max(newest, n)
	}
	if newest == 0 {
		return 0, fmt.Errorf("no migrations in %s", folder)
	}
	return newest + 1, nil
}
