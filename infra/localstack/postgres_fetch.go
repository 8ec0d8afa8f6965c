package localstack

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/xi2/xz"
)

// fetchedPostgres returns the folder of a server's programs that came by Maven: for machines without PostgreSQL.
func fetchedPostgres(ctx context.Context) (string, error) {
	platform := map[string]string{"amd64": "amd64", "arm64": "arm64v8"}[runtime.GOARCH]
	if runtime.GOOS != "linux" || platform == "" {
		return "", fmt.Errorf("no PostgreSQL to fetch for %s/%s", runtime.GOOS, runtime.GOARCH)
	}
	pom := bytes.ReplaceAll(postgresPOM, []byte("linux-amd64"), []byte("linux-"+platform))
	cache, err := os.UserCacheDir()
	if err != nil || os.Getuid() == 0 && !open(cache) {
		cache = "/var/cache" // root's own is closed to the user that PostgreSQL runs as
	}
	dir, err := cached(cache, "postgres-18.6.0", func(dir string) error {
		if err := mavenCopy(ctx, pom, dir); err != nil {
			return err
		}
		jars, err := filepath.Glob(filepath.Join(dir, "*.jar"))
		if err != nil || len(jars) != 1 {
			return errors.Join(fmt.Errorf("%d jars of PostgreSQL, not 1", len(jars)), err)
		}
		return errors.Join(unpackJar(jars[0], dir), os.Remove(jars[0]))
	})
	return filepath.Join(dir, "bin"), err
}

// unpackJar unpacks the one .txz inside a jar.
func unpackJar(jar, dir string) error {
	z, err := zip.OpenReader(jar)
	if err != nil {
		return fmt.Errorf("open %s: %w", jar, err)
	}
	defer z.Close() //nolint:errcheck // read only
	for _, entry := range z.File {
		if !strings.HasSuffix(entry.Name, ".txz") {
			continue
		}
		f, err := entry.Open()
		if err != nil {
			return fmt.Errorf("open %s: %w", entry.Name, err)
		}
		defer f.Close() //nolint:errcheck // read only
		r, err := xz.NewReader(f, 0)
		if err != nil {
			return fmt.Errorf("unpack %s: %w", entry.Name, err)
		}
		return unpackTar(tar.NewReader(r), dir)
	}
	return fmt.Errorf("no .txz in %s", jar)
}

func unpackTar(t *tar.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	defer root.Close() //nolint:errcheck // read only
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		if err := unpackEntry(root, h, t); err != nil {
			return fmt.Errorf("unpack %s: %w", h.Name, err)
		}
	}
}

// unpackEntry never leaves root, whatever the archive says.
func unpackEntry(root *os.Root, h *tar.Header, content io.Reader) error {
	name := filepath.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		return root.Symlink(h.Linkname, name)
	case tar.TypeReg:
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, os.FileMode(h.Mode)&0o755|0o444)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	}
	return nil
}
