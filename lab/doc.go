// Package lab runs worlds of several peers from a script.
//
// A world is a shell script with a few more commands: node makes a peer, on runs
// a command at one, expect checks what it printed. [Play] tells the script's story
// as it runs it: comments are what the narrator says, and each command is shown
// with its peer's prompt and its output.
//
// The peers are whole ones, with identities of their own, that talk through
// sockets of the loopback interface; they share one process.
package lab
