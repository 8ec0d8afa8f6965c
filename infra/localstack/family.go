package localstack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Kill ends the program and every process that descends from it, at once, as a power cut would.
func (p *Process) Kill() error {
	family, err := p.freeze()
	if err != nil {
		return err
	}
	if err := signalAll(family, syscall.SIGKILL); err != nil {
		return err
	}
	<-p.done
	return nil
}

// Freeze stops the program and every process that descends from it. thaw lets them go on, and may be called when they are
// gone.
func (p *Process) Freeze() (thaw func() error, err error) {
	family, err := p.freeze()
	if err != nil {
		return nil, err
	}
	return func() error { return signalAll(family, syscall.SIGCONT) }, nil
}

// freeze returns the pids of what it stopped. The program is stopped first, so that it makes no more children meanwhile;
// children that have children are met before those are.
func (p *Process) freeze() ([]int, error) {
	family := []int{p.PID()}
	for i := 0; i < len(family); i++ {
		if err := signalAll(family[i:i+1], syscall.SIGSTOP); err != nil {
			return nil, err
		}
		children, err := childrenOf()
		if err != nil {
			return nil, err
		}
		family = append(family, children[family[i]]...)
	}
	return family, nil
}

// signalAll signals those that are still there.
func signalAll(pids []int, s syscall.Signal) error {
	for _, pid := range pids {
		if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("signal process %d: %w", pid, err)
		}
	}
	return nil
}

// Stopped tells whether the program is stopped, as by SIGSTOP.
func (p *Process) Stopped() bool {
	s, err := state(p.PID())
	return err == nil && s == stopped
}

const stopped = "T"

// state is a process's state as proc(5) names it.
func state(pid int) (string, error) {
	fields, err := stat(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", fmt.Errorf("state of process %d: %w", pid, err)
	}
	return fields[0], nil
}

// childrenOf returns every process's children.
func childrenOf() (map[int][]int, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("read /proc: %w", err)
	}
	children := map[int][]int{}
	for _, path := range paths {
		fields, err := stat(path)
		if err != nil {
			continue // it has just ended
		}
		pid, errPID := strconv.Atoi(strings.Split(path, "/")[2])
		parent, errParent := strconv.Atoi(fields[1])
		if errPID == nil && errParent == nil {
			children[parent] = append(children[parent], pid)
		}
	}
	return children, nil
}

// stat returns the fields of a stat file after the name, which may hold anything: state first, then the parent's pid.
func stat(path string) ([]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	if len(fields) < 2 {
		return nil, fmt.Errorf("%s is not of the shape expected", path)
	}
	return fields, nil
}
