package localstack

import (
	"testing"
)

// Ports are given once, and never from those that outgoing connections get.
func TestFreePort(t *testing.T) {
	t.Parallel()
	given := map[int]bool{}
	for range 200 {
		port, err := FreePort()
		if err != nil {
			t.Fatal(err)
		}
		if given[port] || port < firstPort || port >= firstPort+countPorts {
			t.Fatalf("port %d, given before: %t", port, given[port])
		}
		given[port] = true
	}
}
