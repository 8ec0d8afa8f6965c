// Package shadow runs a version of a saga definition over what happened to orders under another one, and says where its
// commands would differ. It is pure: nothing is read, sent or changed. See docs/decisions/shadow-replay.md for what it can
// tell and what not.
package shadow
