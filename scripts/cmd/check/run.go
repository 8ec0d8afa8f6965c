package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"ordersaga.internal/scripts/internal/check"
	"ordersaga.internal/scripts/internal/check/read"
)

// defaultWait is longer than the deadline of a step, so that what has to be given up first is.
const defaultWait = 2 * time.Minute

type options struct {
	data, accepted, baseline, writeBaseline, record, replay, output string
	at                                                              read.Addresses
	inputs                                                          []string
	wait                                                            time.Duration
	parallel                                                        int
}

func run(ctx context.Context, o *options, out io.Writer) error {
	if err := o.validate(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	settings := check.Options{Parallel: o.parallel, Digest: o.writeBaseline != "", Progress: progress(os.Stderr)}
	if err := o.told(&settings); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	verdict, took, err := o.judge(ctx, settings)
	if err != nil {
		return err
	}
	if o.writeBaseline != "" {
		if err := writeFile(o.writeBaseline, func(w io.Writer) error { return json.NewEncoder(w).Encode(verdict.Baseline) }); err != nil {
			return err
		}
	}
	if err := show(out, o.output, verdict, took); err != nil {
		return err
	}
	if !verdict.Holds {
		return errors.New("does not hold")
	}
	return nil
}

func (o *options) validate() error {
	if o.output != "text" && o.output != "json" {
		return fmt.Errorf("--output %q: give text or json", o.output)
	}
	if o.parallel < 1 || o.parallel > check.Partitions {
		return fmt.Errorf("--parallel %d: give 1 to %d", o.parallel, check.Partitions)
	}
	if o.wait < 0 {
		return fmt.Errorf("--wait %s: give 0 or more", o.wait)
	}
	given := o.at != read.Addresses{}
	switch {
	case o.replay != "" && (given || o.data != "" || o.record != ""):
		return errors.New("--replay judges a recording: it goes with no address, --data or --record")
	case given && o.data != "":
		return errors.New("give --data or addresses, not both")
	case given && (o.at.Brokers == "" || o.at.Provider == "" || o.at.ProviderKey == "" || o.at.Postgres == ""):
		return errors.New("of --brokers, --provider, --provider-key and --postgres, all are needed")
	}
	return nil
}

// root is the checkout that this program was built in.
func root() string {
	self, err := os.Executable()
	if err != nil {
		return "."
	}
	return filepath.Dir(filepath.Dir(self))
}

// told reads what the command line says of inputs and baseline, and where the system is.
func (o *options) told(settings *check.Options) error {
	var err error
	if o.replay == "" && o.at == (read.Addresses{}) {
		if o.data == "" {
			o.data = filepath.Join(root(), ".data")
		}
		if o.at, err = read.ReadAddresses(filepath.Join(o.data, "stack.json")); err != nil {
			return fmt.Errorf("no stack of scripts/up runs there: %w", err)
		}
	}
	if len(o.inputs) == 0 && o.at.Inputs != "" {
		o.inputs = []string{o.at.Inputs}
	}
	if len(o.inputs) == 0 && o.replay == "" {
		o.inputs = []string{filepath.Join(root(), "scripts", "seed.json")}
	}
	for _, path := range o.inputs {
		goods, err := read.Addresses{Inputs: path}.Goods()
		if err != nil {
			return err
		}
		settings.Inputs.Goods = append(settings.Inputs.Goods, goods...)
	}
	if o.accepted != "" {
		if err := readAccepted(o.accepted, &settings.Inputs); err != nil {
			return err
		}
	}
	if o.baseline != "" {
		raw, err := os.ReadFile(o.baseline)
		if err != nil {
			return fmt.Errorf("--baseline: %w", err)
		}
		settings.Baseline = &check.Baseline{}
		if err := json.Unmarshal(raw, settings.Baseline); err != nil {
			return fmt.Errorf("--baseline: %w", err)
		}
	}
	return nil
}

// readAccepted reads what customers were answered.
func readAccepted(path string, into *check.Inputs) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("--accepted: %w", err)
	}
	defer file.Close() //nolint:errcheck // read only
	for lines := json.NewDecoder(bufio.NewReader(file)); ; {
		var line struct {
			Order   *check.ID `json:"order_id"`
			Refused string    `json:"refused_key"`
		}
		err := lines.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("--accepted: %w", err)
		case line.Order != nil:
			into.Accepted = append(into.Accepted, *line.Order)
		case line.Refused != "":
			into.Refused = append(into.Refused, line.Refused)
		default:
			return errors.New("--accepted: a line has neither order_id nor refused_key")
		}
	}
}

// judge returns the verdict, and how long reading and judging took without the waiting.
func (o *options) judge(ctx context.Context, settings check.Options) (*check.Verdict, time.Duration, error) {
	if o.replay != "" {
		return o.again(ctx, settings)
	}
	live, err := read.Open(ctx, o.at)
	if err != nil {
		return nil, 0, err
	}
	defer live.Close()
	task := read.Task{Options: settings, Wait: o.wait, Tell: func(s string) { fmt.Fprintln(os.Stderr, s) }}
	var recorder *check.Recorder
	if o.record != "" {
		task.Front = func(s check.Source) check.Source {
			recorder = check.NewRecorder(s, settings.Inputs)
			return recorder
		}
	}
	v, took, err := live.Judge(ctx, task)
	if err == nil && recorder != nil {
		err = writeFile(o.record, recorder.Kept().Write)
	}
	return v, took, err
}

// again judges a recording.
func (o *options) again(ctx context.Context, settings check.Options) (*check.Verdict, time.Duration, error) {
	file, err := os.Open(o.replay)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: --replay: %w", errUsage, err)
	}
	defer file.Close() //nolint:errcheck // read only
	recording, err := check.ReadRecording(file)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: --replay: %w", errUsage, err)
	}
	if settings.Inputs.Goods == nil {
		settings.Inputs.Goods = recording.Told.Goods
	}
	if settings.Inputs.Accepted == nil && settings.Inputs.Refused == nil {
		settings.Inputs.Accepted, settings.Inputs.Refused = recording.Told.Accepted, recording.Told.Refused
	}
	begin := time.Now()
	v, err := check.Judge(ctx, recording, settings)
	return v, time.Since(begin), err
}

// writeFile writes a file whole, or leaves none.
func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := errors.Join(write(file), file.Close()); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(path))
	}
	return nil
}
