// Package chaos breaks a running stack in every way that a machine room can, while orders come: it kills, pauses and
// restarts programs and servers, makes the groups rebalance, cuts, silences and delays links, loses the answers of COMMITs
// and fills disks. What it will do is drawn from a seed; a fault counts only when it really happened to somebody with
// orders on their way.
package chaos
