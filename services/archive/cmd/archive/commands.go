package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/archive/internal/store"
	"ordersaga.internal/services/archive/internal/verify"
	"ordersaga.internal/services/archive/migrations"
)

// open connects a command to the database, as the run role.
func (c config) open(ctx context.Context) (*pgxpool.Pool, error) {
	if c.DatabaseURL == "" {
		return nil, program.Usage(errors.New("DATABASE_URL is not set: PostgreSQL URL of the role that reads and writes"))
	}
	pool, err := postgres.Open(ctx, c.DatabaseURL, postgres.MaxConns(c.DatabaseConns))
	if err != nil {
		return nil, err
	}
	if err := postgres.CheckMigrated(ctx, pool, migrations.Table, migrations.FS); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

func (c config) kafka(opts ...kgo.Opt) (*kgo.Client, error) {
	return kafka.NewClient(kafka.Config{Brokers: c.KafkaBrokers, ClientID: service}, slog.New(slog.DiscardHandler), opts...)
}

func verifyAll(ctx context.Context, c config, out io.Writer) error {
	pool, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	begin := time.Now()
	r, err := verify.Run(ctx, verify.Deps{Pool: pool, Kafka: c.kafka}, verify.Config{
		Topics: contracts.Topics(), TopicPrefix: c.KafkaTopicPrefix, Wait: c.VerifyWait,
	})
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	for _, h := range r.Heads {
		if !c.VerifyHeads {
			break
		}
		say(out, "%-20s %2d  next %10d  %x", h.Topic, h.Partition, h.Next, h.Chain)
	}
	say(out, "%d records of %d streams: hash chains recomputed; %d compared with Kafka; %d retired; %d not archived yet; %.1f s",
		r.Records, r.Streams, r.Compared, r.Retired, r.Behind, time.Since(begin).Seconds())
	if r.Beyond > 0 {
		say(out, "%d offsets are archived that Kafka no longer has at the end of its logs: they were cut off", r.Beyond)
	}
	for _, d := range r.Differences {
		say(out, "DIFFERENCE: %s", d)
	}
	switch {
	case len(r.Differences) > 0:
		return fmt.Errorf("the archive does not hold: %d streams differ, first %s", len(r.Differences), r.Differences[0])
	case c.VerifyWait > 0 && r.Behind > 0:
		return fmt.Errorf("%d records are not archived after %s", r.Behind, c.VerifyWait)
	}
	say(out, "the archive holds")
	return nil
}

func retain(ctx context.Context, c config, out io.Writer) error {
	if c.DatabaseOwnerURL == "" {
		return program.Usage(errors.New("DATABASE_OWNER_URL is not set: PostgreSQL URL of the role that owns the schema"))
	}
	conn, err := pgx.Connect(ctx, c.DatabaseOwnerURL)
	if err != nil {
		return fmt.Errorf("retain: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is pending
	days, err := store.Retain(ctx, conn, store.Day(time.Now()).AddDate(0, 0, -c.RetentionDays))
	for _, day := range days {
		say(out, "retired %s", day.Format(time.DateOnly))
	}
	return err
}

// resume begins a new stream, of the topic as it is now.
func resume(ctx context.Context, c config, out io.Writer) error {
	if !slices.Contains(contracts.Topics(), c.ResumeTopic) || c.ResumePartition >= contracts.Partitions {
		return program.Usage(fmt.Errorf("%s/%d is no partition of the contract's topics", c.ResumeTopic, c.ResumePartition))
	}
	pool, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	client, err := c.kafka()
	if err != nil {
		return program.Usage(err)
	}
	defer client.Close()
	asked, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	topics, err := kadm.NewClient(client).ListTopics(asked, c.KafkaTopicPrefix+c.ResumeTopic)
	if err == nil {
		err = topics.Error()
	}
	if err != nil {
		return program.NotReachable(fmt.Errorf("ask for the topic's id: %w", err))
	}
	s := &store.Stream{
		Place: store.Place{Topic: c.ResumeTopic, Partition: c.ResumePartition}, TopicID: uuid.UUID(topics[c.KafkaTopicPrefix+c.ResumeTopic].ID),
		Begins: c.ResumeOffset, Reason: c.ResumeReason,
	}
	if err := store.Resume(ctx, pool, s); err != nil {
		return err
	}
	say(out, "%s/%d goes on from offset %d, in a stream of its own", s.Topic, s.Partition, s.Begins)
	return nil
}
