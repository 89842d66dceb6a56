package httpd

// An Event is something that has happened to a session, or to the server: see
// Config.Events. (ESP-IDF: esp_http_server_event_id_t and its data.)
type Event struct {
	Kind    EventKind
	Session ID      // the zero ID for EventStart and EventStop
	Bytes   int     // octets, of EventData and EventSent
	Code    ErrCode // of EventError
}

// An EventKind says what has happened.
type EventKind uint8

const (
	// EventError: an error response was given. (HTTP_SERVER_EVENT_ERROR)
	EventError EventKind = iota
	// EventStart: the server begins. (HTTP_SERVER_EVENT_START)
	EventStart
	// EventConnected: a session has begun. (HTTP_SERVER_EVENT_ON_CONNECTED)
	EventConnected
	// EventHeaders: the head of a request is complete and well-formed.
	// (HTTP_SERVER_EVENT_ON_HEADER)
	EventHeaders
	// EventHeadersSent: the head of a response is on its way.
	// (HTTP_SERVER_EVENT_HEADERS_SENT)
	EventHeadersSent
	// EventData: octets of a request's content have come, also of one that is
	// dropped. (HTTP_SERVER_EVENT_ON_DATA)
	EventData
	// EventSent: the socket has taken octets, those of heads too.
	// (HTTP_SERVER_EVENT_SENT_DATA)
	EventSent
	// EventDisconnected: the socket is closed, the context not yet freed.
	// (HTTP_SERVER_EVENT_DISCONNECTED)
	EventDisconnected
	// EventStop: the server has ended, and everything is freed.
	// (HTTP_SERVER_EVENT_STOP)
	EventStop
	numEvents
)

var eventNames = [numEvents]string{
	"error", "start", "connected", "headers", "headers sent", "data", "sent", "disconnected", "stop",
}

// String returns the kind in a word or two, for logs.
func (k EventKind) String() string {
	if k >= numEvents {
		return "unknown"
	}
	return eventNames[k]
}

// tell reports an event of the session to Config.Events. number is its Code or
// its Bytes.
func (c *conn) tell(kind EventKind, number int) {
	if c.l.srv.cfg.Events != nil { // inlined: without it there is no call
		report(c, kind, number)
	}
}

func report(c *conn, kind EventKind, number int) {
	if !c.link.open { // OnOpen has refused it: nobody was told of it
		return
	}
	if kind == EventData && number == 0 {
		return
	}
	e := Event{Kind: kind, Session: ID{c.l.index, c.s.Name()}}
	if kind == EventError {
		e.Code = ErrCode(number)
	} else {
		e.Bytes = number
	}
	c.l.srv.tell(e)
}

// tell reports an event to Config.Events.
func (srv *Server) tell(e Event) {
	if f := srv.cfg.Events; f != nil {
		f(e)
	}
}
