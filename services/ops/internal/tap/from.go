package tap

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// From is where reading begins. The zero value is the beginning of the log.
type From struct {
	End    bool
	Offset int64     // 0: the beginning
	Time   time.Time // the first record written then or later, where it is not zero
}

// ParseFrom reads begin, end, an offset, a time (RFC 3339) or a time ago (-5m).
func ParseFrom(s string, now time.Time) (From, error) {
	switch {
	case s == "begin":
		return From{}, nil
	case s == "end":
		return From{End: true}, nil
	case strings.HasPrefix(s, "-"):
		ago, err := time.ParseDuration(s[1:])
		if err == nil {
			return From{Time: now.Add(-ago)}, nil
		}
	default:
		if offset, err := strconv.ParseInt(s, 10, 64); err == nil {
			return From{Offset: offset}, nil
		}
		if at, err := time.Parse(time.RFC3339, s); err == nil {
			return From{Time: at}, nil
		}
	}
	return From{}, fmt.Errorf("--from %q: give begin, end, an offset, a time such as %s, or a time ago such as -5m", s, now.UTC().Format(time.RFC3339))
}
