// Package upgrade replaces the programs of a running stack by another build of them, replica by replica, and back. The
// earlier build is that of a commit of the history, the later one that of the checkout with a migration more for every
// schema, so that the later programs always know a schema that the earlier ones do not.
package upgrade
