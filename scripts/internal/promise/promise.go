// Package promise checks what DESIGN, section 4, promises to every reader of the topics: for one source and order, first
// appearances are in ce_sequence order, none is missing, and an old message that appears again is the same byte for byte.
package promise

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

type emitter struct{ source, order string }

type story struct {
	seen map[int64][32]byte // sequence → hash of the record's headers and value
	last map[string]int64   // topic → highest sequence that appeared
	most int64
}

// Reader remembers what appeared. See may be called from one goroutine; Broken from any.
type Reader struct {
	mu      sync.Mutex
	stories map[emitter]*story
	broken  []string
	count   int
}

// New returns an empty reader.
func New() *Reader { return &Reader{stories: map[emitter]*story{}} }

// See takes one record of any topic.
func (r *Reader) See(rec *kgo.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	h := map[string]string{}
	sum := sha256.New()
	for _, kv := range rec.Headers {
		h[kv.Key] = string(kv.Value)
		sum.Write(fmt.Appendf(nil, "%s=%s\n", kv.Key, kv.Value))
	}
	sum.Write(rec.Value)
	seq, err := strconv.ParseInt(h["ce_sequence"], 10, 64)
	if err != nil {
		r.broken = append(r.broken, fmt.Sprintf("%s/%d@%d has no ce_sequence", rec.Topic, rec.Partition, rec.Offset))
		return
	}
	key := emitter{h["ce_source"], string(rec.Key)}
	s := r.stories[key]
	if s == nil {
		s = &story{seen: map[int64][32]byte{}, last: map[string]int64{}}
		r.stories[key] = s
	}
	hash := [32]byte(sum.Sum(nil))
	if old, again := s.seen[seq]; again {
		if old != hash {
			r.broken = append(r.broken, fmt.Sprintf("%s %s sequence %d appeared again with other bytes", key.source, key.order, seq))
		}
		return
	}
	if seq < s.last[rec.Topic] {
		r.broken = append(r.broken, fmt.Sprintf("%s %s on %s: sequence %d first appeared after %d", key.source, key.order, rec.Topic, seq, s.last[rec.Topic]))
	}
	s.seen[seq] = hash
	s.last[rec.Topic] = max(s.last[rec.Topic], seq)
	s.most = max(s.most, seq)
}

// Broken returns how many records were seen and where the promise was broken. Call it at rest: it also looks for gaps.
func (r *Reader) Broken() (records int, broken []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	broken = append(broken, r.broken...)
	for key, s := range r.stories {
		if int64(len(s.seen)) != s.most {
			broken = append(broken, fmt.Sprintf("%s %s: %d messages, but the last has sequence %d", key.source, key.order, len(s.seen), s.most))
		}
	}
	return r.count, broken
}
