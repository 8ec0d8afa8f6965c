package contracttest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const parserVersion = "3.6.3" // of @asyncapi/parser; the whole CLI is 440 MB

// The AsyncAPI document is valid by AsyncAPI's own parser. It needs node and, the first time on a machine, npm.
func TestAsyncAPIIsValid(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("node"); err != nil && os.Getenv("CI") != "true" {
		t.Log("NOT RUN: no node on the PATH")
		return
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	modules := filepath.Join(cache, "ordersaga", "asyncapi-parser-"+parserVersion)
	if _, err := os.Stat(filepath.Join(modules, "node_modules", ".package-lock.json")); err != nil {
		if err := os.MkdirAll(modules, 0o750); err != nil {
			t.Fatal(err)
		}
		install := exec.CommandContext(t.Context(), "npm", "install", "--prefix", modules, "--no-audit", "--no-fund",
			"--ignore-scripts", "@asyncapi/parser@"+parserVersion)
		if out, err := install.CombinedOutput(); err != nil {
			t.Fatalf("install the parser: %v\n%s", err, out)
		}
	}
	out, err := exec.CommandContext(t.Context(), "node", "asyncapi.mjs", modules, "../../contracts/dist/asyncapi.json").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}
