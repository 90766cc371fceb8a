// Package shell is the language of juxta: a POSIX shell whose built-in
// commands are Go values, with sessions that keep the objects those commands
// make.
//
// # Commands
//
// A [Command] declares its flags in a fresh set for every call and returns the
// function that runs. Help, manual pages, completion and docs/man are all made
// from the same values, so they cannot drift. A [Call] is one invocation: its
// operands, streams, directory and the variables of the scope it was made in.
//
// # Sessions
//
// A [Session] runs lines and scripts. Variables, functions, options, traps and
// the working directory last from one [Session.Run] to the next. Objects that
// commands make are kept under handles such as adv0 or msg3; a handle is plain
// text, so it can be assigned, compared and piped like any other word.
//
// # Language
//
// Parser and interpreter are mvdan.cc/sh. On top of it:
//
//   - "name = command args" is "name=$(command args)", also for a pipeline and
//     wherever a command may stand (also in sourced files, eval and traps);
//   - $adv0 is the handle adv0 while that object exists;
//   - "command &" starts a job, known as %1, %2 and so on. $! is the last one.
//     Its input is empty, and an interrupt of the foreground leaves it alone.
//
// A name is looked up among shell functions, then our commands, then scripts in
// Config.CommandDir, then operating-system commands.
//
// # Built-ins of the interpreter
//
// The interpreter reserves every built-in name of bash, before it asks for
// commands of ours. What becomes of each:
//
//   - as they are: . : [ alias break cd command continue dirs echo eval exec
//     exit export false getopts hash local popd printf pushd pwd read readarray
//     readonly return set shift shopt source test times trap true type unalias
//     unset and their kin;
//   - ours, when the table holds a command of that name: help, history, jobs,
//     fg, kill;
//   - ours always: wait (can be interrupted, knows %N), set without operands
//     (lists variables), type and command -v (know our commands), unset (drops
//     objects too), logout (is exit);
//   - refused with a word of advice: bg, bind, caller, compgen, complete,
//     compopt, disown, enable, fc, newgrp, suspend, ulimit, umask.
//
// # What differs from a system shell
//
// Jobs and subshells are goroutines, not processes. The last command of a
// pipeline runs in the shell itself. EXIT traps run for the session and for
// scripts, not for subshells. Traps of signals other than EXIT and ERR are
// accepted only beside EXIT, which an interrupt runs. A background subshell
// sees the handles that existed when it began as $handle, and all others bare.
package shell
