// Package exploration explores the order saga: the real definition under the real engine, and the real fence around small
// models of the three participants and the payment provider, which know one order.
package exploration
