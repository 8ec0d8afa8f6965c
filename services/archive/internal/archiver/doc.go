// Package archiver takes every record of its topics into the archive, raw and once. It never looks into a payload.
//
// It keeps the rules of infra/messaging: a consumer is one group member with its own client, and what it polled is
// committed before it polls again; positions live in PostgreSQL, in one transaction with the records; a former owner that
// was paused changes nothing; a log that was cut off or made again stops its partition and alerts, nothing is skipped.
// It has no use for the rest of that machine, which decodes messages and knows what one key's order means.
package archiver
