package generate

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ordersaga.internal/contracts"
)

// The AsyncAPI 3 document, as far as it is used here.
type (
	object = map[string]any

	document struct {
		AsyncAPI    string  `json:"asyncapi"`
		ID          string  `json:"id"`
		Info        object  `json:"info"`
		ContentType string  `json:"defaultContentType"`
		Servers     object  `json:"servers"`
		Channels    ordered `json:"channels"`
		Operations  ordered `json:"operations"`
		Components  struct {
			Messages ordered `json:"messages"`
			Schemas  schemas `json:"schemas"`
		} `json:"components"`
	}
	channel struct {
		Address     string  `json:"address"`
		Title       string  `json:"title"`
		Description string  `json:"description"`
		Messages    ordered `json:"messages"`
		Bindings    object  `json:"bindings"`
	}
	operation struct {
		Action   string `json:"action"`
		Title    string `json:"title"`
		Channel  ref    `json:"channel"`
		Messages []ref  `json:"messages"`
	}
	message struct {
		Name        string    `json:"name"`
		Title       string    `json:"title"`
		Description string    `json:"description"`
		ContentType string    `json:"contentType"`
		Headers     ref       `json:"headers"`
		Payload     *schema   `json:"payload"`
		Correlation object    `json:"correlationId"`
		Bindings    object    `json:"bindings"`
		Examples    []example `json:"examples"`
	}
	example struct {
		Payload json.RawMessage `json:"payload"`
	}
	ref struct {
		Ref string `json:"$ref"`
	}
)

var errNoSample = errors.New("no golden sample")

const bindingVersion = "0.5.0"

func addAsyncAPI(files map[string][]byte, d docs, samples map[string]json.RawMessage) error {
	doc := document{
		AsyncAPI: "3.0.0", ID: "urn:ordersaga", ContentType: "application/json",
		Info: object{
			"title": "Order Saga", "version": "1.0.0",
			"license": object{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
			"description": "What the services of Order Saga say to each other, and anybody may hear. Of one source and " +
				"order, first appearances come in the order of ce_sequence; an old message may appear again at any time, " +
				"byte for byte. Readers ignore properties that they do not know: an additive change keeps the version.",
		},
		Servers: object{"local": object{"host": "127.0.0.1:9092", "protocol": "kafka"}},
	}
	doc.Components.Schemas = schemas{"EventHeaders": headers(false), "CommandHeaders": headers(true)}
	r := reader{docs: d, refs: "#/components/schemas/", defs: doc.Components.Schemas}
	for _, e := range contracts.Entries() {
		m, err := newMessage(&r, e, samples)
		if err != nil {
			return err
		}
		doc.Components.Messages.add(e.Type, m)
	}
	for _, topic := range append(contracts.Topics(), contracts.CompatibilityTopics()...) {
		doc.Channels.add(topic, newChannel(topic))
		if slices.Contains(contracts.CompatibilityTopics(), topic) {
			doc.Operations.add(sender(topic)+".send."+topic, newOperation("send", sender(topic), topic))
			continue // none of us reads a copy
		}
		for _, who := range []struct{ action, service string }{{"send", sender(topic)}, {"receive", receiver(topic)}} {
			doc.Operations.add(who.service+"."+who.action+"."+topic, newOperation(who.action, who.service, topic))
		}
	}
	content, err := encode(doc)
	files["asyncapi.json"] = content
	return err
}

func newMessage(r *reader, e contracts.Entry, samples map[string]json.RawMessage) (message, error) {
	payload, err := r.message(e)
	if err != nil {
		return message{}, err
	}
	sample, ok := samples[e.Type]
	if !ok {
		return message{}, fmt.Errorf("%w: samples/%s.json", errNoSample, e.Type)
	}
	headers := "EventHeaders"
	if isCommands(e.Topic) {
		headers = "CommandHeaders"
	}
	m := message{
		Name: e.Type, Title: e.Type, Description: payload.Description, ContentType: "application/json",
		Headers: ref{r.refs + headers}, Payload: payload,
		Correlation: object{"location": "$message.header#/ce_correlationid"},
		Bindings: object{"kafka": object{
			"key":            &schema{Type: "string", Description: "The order.", Format: "uuid", Pattern: uuidPattern},
			"bindingVersion": bindingVersion,
		}},
		Examples: []example{{sample}},
	}
	payload.Title, payload.Description = "", "" // the message says it
	return m, nil
}

func newChannel(topic string) channel {
	service, _, _ := strings.Cut(topic, ".")
	c := channel{
		Address: topic, Title: topic, Description: "What the " + service + " service says. Anybody may listen.",
		Bindings: object{"kafka": object{
			"topic": topic, "partitions": contracts.Partitions, "bindingVersion": bindingVersion,
			"topicConfiguration": object{"cleanup.policy": []string{"delete"}},
		}},
	}
	if isCommands(topic) {
		c.Description = "What the " + service + " service is told to do. Only the process manager sends, only the service acts."
	}
	if slices.Contains(contracts.CompatibilityTopics(), topic) {
		c.Description = "A copy of " + topic[:strings.LastIndexByte(topic, '.')] + " in older versions, for readers that cannot " +
			"follow yet. It is filled only where the " + service + " service is told to, until the end date that it is told."
	}
	for _, wireType := range contracts.Carried(topic) {
		c.Messages.add(wireType, ref{"#/components/messages/" + wireType})
	}
	return c
}

func newOperation(action, service, topic string) operation {
	o := operation{
		Action: action, Title: service + ": " + action + " " + topic, Channel: ref{"#/channels/" + topic},
	}
	for _, wireType := range contracts.Carried(topic) {
		o.Messages = append(o.Messages, ref{"#/channels/" + topic + "/messages/" + wireType})
	}
	return o
}

func isCommands(topic string) bool { return strings.HasSuffix(topic, ".commands") }

const processManager = "processmanager"

func sender(topic string) string {
	service, _, _ := strings.Cut(topic, ".")
	if isCommands(topic) {
		return processManager
	}
	return service
}

func receiver(topic string) string {
	service, _, _ := strings.Cut(topic, ".")
	if isCommands(topic) {
		return service
	}
	return processManager
}
