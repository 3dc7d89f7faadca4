// franz-go against a live node.
//
//	surface BOOTSTRAP                                             checks, N passed, N failed
//	create  BOOTSTRAP TOPIC,TOPIC... PARTITIONS COUNT LINES       makes topics for a stream
//	produce BOOTSTRAP TOPIC,TOPIC... PARTITIONS COUNT LINES CODEC,CODEC...
//	verify  BOOTSTRAP TOPIC,TOPIC... PARTITIONS COUNT LINES       compares record by record
//	ends    BOOTSTRAP TOPIC,TOPIC... PARTITIONS COUNT LINES       compares offsets only
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Println("FAIL", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: see the head of main.go")
	}
	if args[0] == "surface" {
		return surface(args[1])
	}
	if args[0] == "produce" && len(args) == 7 {
		s, err := newStream(args[1:6])
		if err != nil {
			return err
		}
		return s.produce(strings.Split(args[6], ","))
	}
	s, err := newStream(args[1:])
	if err != nil {
		return err
	}
	switch args[0] {
	case "create":
		return s.create()
	case "verify":
		return s.verify()
	case "ends":
		return s.ends()
	}
	return fmt.Errorf("unknown command %s", args[0])
}
