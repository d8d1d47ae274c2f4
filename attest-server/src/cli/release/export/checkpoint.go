// Whether the log's own key signed the checkpoint, and whether that is over exactly these leaves.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Hashes of the tree, by tlog's own numbers.
type stored []tlog.Hash

func (all stored) ReadHashes(wanted []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(wanted))
	for at, number := range wanted {
		hashes[at] = all[number]
	}
	return hashes, nil
}

func main() {
	log.SetFlags(0)
	verifier := must(note.NewVerifier(strings.TrimSpace(string(must(os.ReadFile("log.key"))))))
	signed := must(note.Open(must(os.ReadFile("checkpoint")), note.VerifierList(verifier)))
	text := strings.Split(signed.Text, "\n")
	if len(text) < 3 || text[0] != verifier.Name() {
		log.Fatal("the checkpoint is not this log's")
	}
	leaves := must(filepath.Glob("leaves/*.cbor"))
	var all stored
	for at, leaf := range leaves {
		all = append(all, must(tlog.StoredHashes(int64(at), must(os.ReadFile(leaf)), all))...)
	}
	root := must(tlog.TreeHash(int64(len(leaves)), all))
	if text[1] != fmt.Sprint(len(leaves)) || text[2] != root.String() {
		log.Fatalf("the checkpoint is of %s leaves and the root %s; these are %d, with %s", text[1], text[2], len(leaves), root)
	}
	fmt.Printf("Good checkpoint of %s over %d leaves\n", text[0], len(leaves))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
