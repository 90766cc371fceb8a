// Command nothing does nothing: it shows what starting a process costs.
package main

func main() {}
