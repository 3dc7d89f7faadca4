package main

func surface(bootstrap string) error { return nil }
