// Package explore walks every way in which one saga instance, its participants and the log between them can go, up to a
// stated number of faults: no sampling. It runs the real definition through saga.Apply, and participants that are given as
// small immutable models around whatever real code they have (Side).
//
// # What a state is
//
// The instance but for the clock; each participant; for each topic the messages of this order in the order of their first
// appearance and how far they were read; the dead letters of each group. Nothing else: equal keys mean equal futures.
//
// # What a step is
//
// Everything that can happen next in one transaction somewhere: a message is decided, a participant moves by itself, the
// clock or an operator speaks. What is certain to happen sooner or later is Calm; what somebody may choose (a refusal, a
// cancellation, a waiver) is a Choice and free as well; all else is a Fault and costs one of the budget.
//
// # What is saved without leaving anything out
//
//   - A message that is published twice is delivered again at once, at any moment after its first delivery: the copy was
//     appended just before whatever is read next. Copies are not kept in the log; who rewinds reads first appearances.
//   - A message is lost when it is next to be read: whatever happens to the reader before does not depend on it.
//   - A call that gets lost before the provider had it is repeated with the same key: no change. So is an answer that is
//     read twice by participants that take it once.
//   - Where the last fault was spent nothing can be read again, so what was read is forgotten.
//   - A state that was reached with fewer faults is not explored again with more: whatever can follow, followed there.
//   - Each pure function is run once for each pair of arguments that occurs, and remembered.
package explore
