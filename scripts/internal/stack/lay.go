package stack

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// lay decides ports and environments of all programs.
func (s *Stack) lay() error {
	for _, svc := range s.Config.services() {
		replicas := s.Config.Replicas
		if !svc.Replicated() {
			replicas = 1
		}
		for r := 1; r <= replicas; r++ {
			p, err := s.layProgram(svc, r)
			if err != nil {
				return err
			}
			s.Programs = append(s.Programs, p)
		}
	}
	return s.layWebhooks()
}

// Extra lays one more replica of a service, which is not started, and not one of Programs.
func (s *Stack) Extra(svc Service) (*Program, error) { return s.layProgram(svc, s.Config.Replicas+1) }

func (s *Stack) layProgram(svc Service, replica int) (*Program, error) {
	p := &Program{Service: svc, Replica: replica, path: filepath.Join(s.bin, svc.Name)}
	p.Log = filepath.Join(s.Config.Dir, "log", p.Name()+".log")
	port := func(fixed int) (string, error) {
		if fixed == 0 {
			return "", nil
		}
		c := s.Config
		c.FixedPorts = c.FixedPorts && replica == 1
		n, err := c.port(fixed)
		return addr(n), err
	}
	var err error
	if p.API, err = port(svc.API); err != nil {
		return nil, err
	}
	if p.AdminAddr, err = port(svc.Admin); err != nil {
		return nil, err
	}
	if p.AdminAddr == "" {
		p.AdminAddr = p.API
	}
	if svc.Name == "provider" {
		s.provider = p.API
	}
	p.env, err = s.environment(p)
	return p, err
}

// layWebhooks tells the provider where payment takes webhooks: known only when every program has its ports.
func (s *Stack) layWebhooks() error {
	var urls []string
	for _, p := range s.Programs {
		if p.Service.Name != "payment" {
			continue
		}
		addr := p.API
		if s.Net != nil {
			var err error
			if addr, err = s.Net.throughWebhooks(p.Name(), addr); err != nil {
				return err
			}
		}
		urls = append(urls, "http://"+addr+"/v1/webhooks")
	}
	for _, p := range s.Programs {
		if p.Service.Name == "provider" {
			p.env = append(p.env, "WEBHOOK_URL="+strings.Join(urls, ","), "WEBHOOK_SECRET="+webhookSecret)
			p.env = append(p.env, s.Config.Env...) // what was asked for wins
		}
	}
	return nil
}

func (s *Stack) environment(p *Program) ([]string, error) {
	provider := s.provider
	if s.Net != nil && p.Service.Name == "payment" {
		var err error
		if provider, err = s.Net.throughProvider(p.Name(), provider); err != nil {
			return nil, err
		}
	}
	env := append(os.Environ(),
		"KAFKA_BROKERS="+s.programBrokers, "REPLICA="+strconv.Itoa(p.Replica), "ADMIN_ADDR="+p.AdminAddr, "HTTP_ADDR="+p.API,
		"JWKS="+s.Keys.JWKS, "JWT_ISSUER="+Issuer, "JWT_AUDIENCE="+Audience,
		"PROVIDER_URL=http://"+provider, "PROVIDER_KEY="+ProviderKey, "API_KEY="+ProviderKey, "PROVIDER_WEBHOOK_SECRET="+webhookSecret,
		"DATA_DIR="+filepath.Join(s.Config.Dir, p.Service.Name))
	if p.Service.Database != "" {
		for key, as := range s.logins(p.Service) {
			u, err := databaseURL(s.superuser, as.database, as.role)
			if err == nil && s.Net != nil {
				u, err = s.Net.throughPostgres(p.Name(), u)
			}
			if err != nil {
				return nil, err
			}
			env = append(env, key+"="+u)
		}
	}
	if s.otlp != "" {
		env = append(env, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+s.otlp, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_TRACES_SAMPLER=parentbased_always_on")
	}
	return append(append(env, s.Config.Env...), s.Config.EnvOf[p.Name()]...), nil
}

// login is a role in a database.
type login struct{ database, role string }

// logins are a service's settings that name databases.
func (s *Stack) logins(of Service) map[string]login {
	out := map[string]login{
		"DATABASE_URL": {of.Database, of.Database + "_run"}, "DATABASE_OWNER_URL": {of.Database, of.Database + "_owner"},
	}
	for _, other := range s.Config.services() {
		for key, database := range of.Reads {
			if database == other.Database {
				out[key] = login{database, database + "_run"}
			}
		}
	}
	return out
}
