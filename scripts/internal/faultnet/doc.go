// Package faultnet stands between programs and what they talk to: TCP proxies whose links can be cut, silenced, delayed,
// and made to lose the answer of a COMMIT. A link is what one program and one server share, so that the network fails
// for one program while its neighbours go on.
package faultnet
