package upgrade

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"ordersaga.internal/scripts/internal/stack"
)

// PinFile names the earlier commit, from the checkout's root.
const PinFile = "scripts/upgrade.pin"

var hash = regexp.MustCompile(`^[0-9a-f]{40}$`)

// ReadPin returns the commit that a checkout's pin names.
func ReadPin(root string) (string, error) {
	content, err := os.ReadFile(filepath.Join(root, PinFile))
	if err != nil {
		return "", fmt.Errorf("the earlier commit: %w", err)
	}
	commit, err := parsePin(string(content))
	if err != nil {
		return "", fmt.Errorf("%s: %w", PinFile, err)
	}
	return commit, nil
}

// parsePin reads a pin: one commit, whole, on a line of its own. Lines that begin with # are for people.
func parsePin(content string) (string, error) {
	var found []string
	for line := range strings.Lines(content) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			found = append(found, line)
		}
	}
	if len(found) != 1 || !hash.MatchString(found[0]) {
		return "", fmt.Errorf("want one commit of 40 hexadecimal digits, found %q", found)
	}
	return found[0], nil
}

// Resolve returns the whole hash of a commit of the history. Where the clone is shallow it fetches the rest first.
func Resolve(ctx context.Context, root, commit string) (string, error) {
	whole, err := git(ctx, root, "rev-parse", "--quiet", "--verify", commit+"^{commit}")
	if err == nil {
		return whole, nil
	}
	if shallow, err := git(ctx, root, "rev-parse", "--is-shallow-repository"); err != nil {
		return "", fmt.Errorf("the earlier commit is taken from the history, so %s must be a clone: %w", root, err)
	} else if shallow == "true" {
		if _, err := git(ctx, root, "fetch", "--quiet", "--unshallow"); err != nil {
			return "", fmt.Errorf("this clone is shallow and does not hold the earlier commit %s: run `git fetch --unshallow` where that can reach the origin: %w", commit, err)
		}
		if whole, err := git(ctx, root, "rev-parse", "--quiet", "--verify", commit+"^{commit}"); err == nil {
			return whole, nil
		}
	}
	return "", fmt.Errorf("the earlier commit %s is not in this clone: run `git fetch --all`, or name one that is, in %s or with --from", commit, PinFile)
}

// BuildEarlier builds the programs of a commit, which is its whole hash, and returns their folder. What was built before is
// taken again.
func BuildEarlier(ctx context.Context, root, commit string) (bin string, err error) {
	bin = filepath.Join(root, ".bin", "earlier-"+commit)
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	dir, err := os.MkdirTemp("", "ordersaga-earlier-*")
	if err != nil {
		return "", fmt.Errorf("temporary folder: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a leftover does no harm
	if err := unpack(ctx, root, commit, dir); err != nil {
		return "", err
	}
	unfinished := fmt.Sprintf("%s.%d", bin, os.Getpid()) // renamed when whole: others may look for it meanwhile
	defer os.RemoveAll(unfinished)                       //nolint:errcheck // mostly it is gone
	if err := stack.Build(ctx, dir, unfinished, stack.Services()); err != nil {
		return "", fmt.Errorf("the earlier commit %s: %w", commit, err)
	}
	if err := os.Rename(unfinished, bin); err != nil {
		return "", fmt.Errorf("keep the earlier programs: %w", err)
	}
	return bin, nil
}

// unpack writes the files of a commit into a folder.
func unpack(ctx context.Context, root, commit, dir string) error {
	archive := filepath.Join(dir, "commit.tar")
	if _, err := git(ctx, root, "archive", "--format=tar", "--output="+archive, commit); err != nil {
		return fmt.Errorf("unpack the earlier commit: %w", err)
	}
	if out, err := exec.CommandContext(ctx, "tar", "-x", "-f", archive, "-C", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack the earlier commit: tar: %w\n%s", err, out)
	}
	return nil
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	var out, says bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &says
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(says.Bytes()))
	}
	return strings.TrimSpace(out.String()), nil
}
