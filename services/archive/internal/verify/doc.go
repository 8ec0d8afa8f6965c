// Package verify holds the archive against itself, by its hash chains, and against Kafka, record by record.
//
// Both are read from the older of where they begin to where the archive has come: what is older in one of them only is
// its own affair (retention), what both hold must be equal, and where the archive has a gap, Kafka must have none there
// either but control records. A chain proves an interval between two checkpoints; of an interval that is not what it was
// and that Kafka no longer holds, no more can be said than its bounds.
package verify
