// Package store holds every SQL statement of the archive: the streams and their positions, what is added in a batch, what
// is read back, and what retention takes.
package store
