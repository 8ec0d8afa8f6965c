// Package screen is how orderctl shows things: aligned tables and colours for people, JSON for programs.
package screen
