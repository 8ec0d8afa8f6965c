package faultnet

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func complete(tag string) []byte {
	body := append([]byte(tag), 0)
	return append(binary.BigEndian.AppendUint32([]byte{'C'}, uint32(len(body)+4)), body...)
}

// The words may stand in a row, or be torn anywhere by TCP.
func TestCommitReader(t *testing.T) {
	t.Parallel()
	row := append(binary.BigEndian.AppendUint32([]byte{'D'}, 4+9), "xCOMMIT\x00y"...)
	for name, c := range map[string]struct {
		tags []string
		want int
	}{
		"wrote":             {[]string{"BEGIN", "INSERT 0 1", "COMMIT"}, 1},
		"wrote nothing":     {[]string{"BEGIN", "INSERT 0 0", "UPDATE 0", "DELETE 0", "SELECT 5", "COMMIT"}, 0},
		"deleted":           {[]string{"BEGIN", "DELETE 12", "COMMIT"}, 1},
		"rolled back":       {[]string{"BEGIN", "UPDATE 1", "ROLLBACK", "BEGIN", "COMMIT"}, 0},
		"twice":             {[]string{"BEGIN", "UPDATE 3", "COMMIT", "BEGIN", "SELECT 1", "COMMIT", "BEGIN", "UPDATE 1", "COMMIT"}, 2},
		"not a tag of ours": {[]string{"SET", "LISTEN", "COMMIT PREPARED"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stream []byte
			for _, tag := range c.tags {
				stream = append(append(append(stream, row...), complete(tag)...), 'Z', 0, 0, 0, 5, 'I')
			}
			for _, step := range []int{1, 2, 3, 7, 20} {
				r, got := &commitReader{}, 0
				for at := 0; at < len(stream); at += step {
					if r.read(stream[at:min(at+step, len(stream))]) {
						got++
					}
				}
				require.Equal(t, c.want, got, "in pieces of %d", step)
			}
		})
	}
}
