package main

import (
	"errors"
	"time"

	"ordersaga.internal/infra/program"
)

// config is every setting of the program. The environment is read into it and nowhere else.
type config struct {
	program.Common

	AdminAddr string `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9105" doc:"Where operators call, and where /livez, /readyz, /metrics and /version are."`
	BatchSize int    `env:"BATCH_SIZE" envDefault:"10000" doc:"Most records in one transaction."`

	VerifyWait    time.Duration  `env:"VERIFY_WAIT" envDefault:"0s" doc:"For verify: how long to wait for what Kafka holds to be archived; 0s: what is not is only told."`
	VerifyHeads   program.Switch `env:"VERIFY_HEADS" envDefault:"off" doc:"For verify: also print each partition's hash. Kept elsewhere, it proves later that nothing before it was changed."`
	RetentionDays int            `env:"RETENTION_DAYS" need:"retain" doc:"For retain: how many whole days before today are kept."`

	ResumeTopic     string `env:"RESUME_TOPIC" need:"resume" doc:"For resume: of the partition."`
	ResumePartition int32  `env:"RESUME_PARTITION" need:"resume" doc:"For resume: the partition."`
	ResumeOffset    int64  `env:"RESUME_OFFSET" need:"resume" doc:"For resume: the offset to go on from."`
	ResumeReason    string `env:"RESUME_REASON" need:"resume" doc:"For resume: why, in your words; it is kept."`
}

// Validate finds what the program could not work with.
func (c config) Validate() error {
	errs := []error{c.Common.Validate()}
	if c.BatchSize < 1 {
		errs = append(errs, errors.New("BATCH_SIZE must be at least 1"))
	}
	if c.VerifyWait < 0 || c.RetentionDays < 0 || c.ResumePartition < 0 || c.ResumeOffset < 0 {
		errs = append(errs, errors.New("VERIFY_WAIT, RETENTION_DAYS, RESUME_PARTITION and RESUME_OFFSET must not be negative"))
	}
	return errors.Join(errs...)
}
