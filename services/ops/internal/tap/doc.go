// Package tap reads topics without being part of the flow: in no group, from any place, and without a word to the brokers of how far
// it has read.
package tap
