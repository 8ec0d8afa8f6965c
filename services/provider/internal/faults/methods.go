package faults

// The payment methods of the sandbox. Any other is refused.
const (
	MethodOK             = "pm_ok"
	MethodDeclined       = "pm_declined"        // authorize is refused
	MethodCaptureRefused = "pm_capture_refused" // the authorization has expired when it is to be captured
	MethodTimeoutBefore  = "pm_timeout_before"  // authorize is never done nor answered
	MethodTimeoutAfter   = "pm_timeout_after"   // authorize and capture are done, their answers are lost
	Method5xx            = "pm_5xx"             // authorize is never done and answers 503
	MethodFlap           = "pm_flap"            // each of authorize and capture: 503, then done without an answer, then works
)

// The refusals that methods cause; charges has the same codes.
const (
	codeDeclined      = "card_declined"
	codeExpired       = "authorization_expired"
	codeUnknownMethod = "unknown_payment_method"
)

func (b *Board) byMethod(operation, key, method string) Fault {
	authorize, capture := operation == "authorize", operation == "capture"
	if !authorize && !capture {
		return Fault{}
	}
	switch method {
	case MethodOK:
	case MethodDeclined:
		return Fault{Kind: Refuse, Code: codeDeclined}
	case MethodCaptureRefused:
		if capture {
			return Fault{Kind: Refuse, Code: codeExpired}
		}
	case MethodTimeoutBefore:
		return Fault{Kind: TimeoutBefore}
	case MethodTimeoutAfter:
		return Fault{Kind: TimeoutAfter}
	case Method5xx:
		return Fault{Kind: Unavailable}
	case MethodFlap:
		return b.flap(key)
	default:
		return Fault{Kind: Refuse, Code: codeUnknownMethod}
	}
	return Fault{}
}

func (b *Board) flap(key string) Fault {
	b.flaps[key]++
	switch b.flaps[key] {
	case 1:
		return Fault{Kind: Unavailable}
	case 2:
		return Fault{Kind: TimeoutAfter}
	}
	return Fault{}
}
