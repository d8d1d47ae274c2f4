// Reads and writes logs with Go's golang.org/x/mod/sumdb/note and sumdb/tlog, as the other side of attest-core/tests/log_go.rs.
//
//	tlog read DIR STEP           verify a log's files: every STEP-th entry and older tree, and all proofs
//	tlog fetch URL DIR STEP      the same for a log that is served there; key, witnesses and proofs are still in DIR
//	tlog write DIR SIZE STEP     write a log of SIZE entries with proofs for every STEP-th entry and older tree
//
// A log's folder: key (a verifier key), witnesses (one a line), checkpoint, proofs, and tiles. Go's packages were made for a log that is
// older than C2SP's specifications, so two things are mapped here: its tiles lie under tile/8/L/N and tile/8/data/N, C2SP's under tile/L/N
// and tile/entries/N; and its notes know no cosignatures.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func main() {
	log.SetFlags(0)
	switch args := os.Args[1:]; {
	case len(args) == 3 && args[0] == "read":
		read(args[1], args[1], number(args[2]))
	case len(args) == 4 && args[0] == "fetch":
		read(args[1], args[2], number(args[3]))
	case len(args) == 4 && args[0] == "write":
		write(args[1], number(args[2]), number(args[3]))
	default:
		log.Fatal("usage: tlog read DIR STEP | tlog fetch URL DIR STEP | tlog write DIR SIZE STEP")
	}
}

// C2SP's path of a tile.
func c2sp(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}

// load reads a file of a log: out of a folder, or from where it is served.
func load(source, path string) []byte {
	if !strings.HasPrefix(source, "http") {
		return must(os.ReadFile(filepath.Join(source, path)))
	}
	response := must(http.Get(source + "/" + path))
	defer response.Body.Close()
	kind := "application/octet-stream"
	if path == "checkpoint" {
		kind = "text/plain; charset=utf-8"
	}
	check(response.StatusCode == 200 && response.Header.Get("Content-Type") == kind, path, response.Status)
	return must(io.ReadAll(response.Body))
}

// tiles reads a log's tiles for Go's tile reader.
type tiles struct{ source string }

func (t tiles) Height() int                         { return height }
func (t tiles) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var data [][]byte
	for _, tile := range wanted {
		data = append(data, load(t.source, c2sp(tile)))
	}
	return data, nil
}

// cosigner is a witness's key: a verifier for note.Open.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newCosigner(name string, key ed25519.PublicKey) cosigner {
	sum := sha256.Sum256(append([]byte(name+"\n\x04"), key...))
	return cosigner{name, binary.BigEndian.Uint32(sum[:]), key}
}

func parseCosigner(vkey string) cosigner {
	parts := strings.SplitN(vkey, "+", 3)
	key := must(base64.StdEncoding.DecodeString(parts[2]))
	c := newCosigner(parts[0], key[1:])
	check(key[0] == 4 && parts[1] == fmt.Sprintf("%08x", c.hash), "a cosigner's key", vkey)
	return c
}

func (c cosigner) vkey() string {
	return fmt.Sprintf("%s+%08x+%s", c.name, c.hash, base64.StdEncoding.EncodeToString(append([]byte{4}, c.key...)))
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.hash }
func (c cosigner) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	return ed25519.Verify(c.key, cosigned(binary.BigEndian.Uint64(sig), text), sig[8:])
}

func cosigned(at uint64, text []byte) []byte {
	return append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", at)), text...)
}

// witness is a cosigner that signs: a signer for note.Sign.
type witness struct {
	cosigner
	private ed25519.PrivateKey
}

func (w witness) Sign(text []byte) ([]byte, error) {
	at := uint64(time.Now().Unix())
	signature := ed25519.Sign(w.private, cosigned(at, text))
	return append(binary.BigEndian.AppendUint64(nil, at), signature...), nil
}

func read(source, dir string, step int64) {
	file := func(name string) string { return string(must(os.ReadFile(filepath.Join(dir, name)))) }
	known := []note.Verifier{must(note.NewVerifier(strings.TrimSpace(file("key"))))}
	for _, vkey := range strings.Fields(file("witnesses")) {
		known = append(known, parseCosigner(vkey))
	}
	signed := must(note.Open(load(source, "checkpoint"), note.VerifierList(known...)))
	check(len(signed.Sigs) == len(known), "signatures", len(signed.Sigs))
	lines := strings.Split(signed.Text, "\n")
	tree := tlog.Tree{N: number(lines[1]), Hash: must(tlog.ParseHash(lines[2]))}
	check(lines[0] == known[0].Name(), "origin", lines[0])

	reader := tlog.TileHashReader(tree, tiles{source})
	check(must(tlog.TreeHash(tree.N, reader)) == tree.Hash, "root of", tree.N)
	leaves := map[int64]tlog.Hash{}
	for _, tile := range tlog.NewTiles(height, 0, tree.N) {
		if max := tree.N - tile.N<<height; tile.L == 0 && (tile.W == 1<<height || int64(tile.W) == max) {
			tile.L = -1
			bundle := load(source, c2sp(tile))
			for i := int64(0); i < int64(tile.W); i++ {
				size := 2 + int(binary.BigEndian.Uint16(bundle))
				leaves[tile.N<<height+i] = tlog.RecordHash(bundle[2:size])
				bundle = bundle[size:]
			}
			check(len(bundle) == 0, "bytes behind bundle", tile.N)
		}
	}
	check(int64(len(leaves)) == tree.N, "entries", len(leaves))

	proven := 0
	for i := int64(0); i < tree.N; i += step {
		proof := must(tlog.ProveRecord(tree.N, i, reader))
		must(0, tlog.CheckRecord(proof, tree.N, tree.Hash, i, leaves[i]))
		old := must(tlog.TreeHash(i+1, reader))
		continued := must(tlog.ProveTree(tree.N, i+1, reader))
		must(0, tlog.CheckTree(continued, tree.N, tree.Hash, i+1, old))
		proven++
	}
	given := 0
	for _, line := range strings.Split(strings.TrimSpace(file("proofs")), "\n") {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		at, first := number(words[1]), must(tlog.ParseHash(words[2]))
		var hashes []tlog.Hash
		for _, word := range words[3:] {
			hashes = append(hashes, must(tlog.ParseHash(word)))
		}
		if words[0] == "inclusion" {
			check(first == leaves[at], "leaf", at)
			must(0, tlog.CheckRecord(hashes, tree.N, tree.Hash, at, first))
		} else {
			must(0, tlog.CheckTree(hashes, tree.N, tree.Hash, at, first))
		}
		given++
	}
	fmt.Printf("%d entries, %d proven, %d proofs, %d signatures\n", len(leaves), proven, given, len(signed.Sigs))
}

func write(dir string, size, step int64) {
	file := func(path string, content []byte) {
		path = filepath.Join(dir, path)
		must(0, os.MkdirAll(filepath.Dir(path), 0o755))
		must(0, os.WriteFile(path, content, 0o644))
	}
	var stored []tlog.Hash
	var reader tlog.HashReaderFunc = func(indexes []int64) (hashes []tlog.Hash, _ error) {
		for _, index := range indexes {
			hashes = append(hashes, stored[index])
		}
		return hashes, nil
	}
	entry := func(i int64) []byte { return []byte(strings.Repeat(fmt.Sprintf("entry %d of Go's ", i), int(i%5))) }
	for i := int64(0); i < size; i++ {
		stored = append(stored, must(tlog.StoredHashes(i, entry(i), reader))...)
	}
	for _, tile := range tlog.NewTiles(height, 0, size) {
		file(c2sp(tile), must(tlog.ReadTileData(tile, reader)))
		if tile.L != 0 {
			continue
		}
		var bundle []byte
		for i := tile.N << height; i < tile.N<<height+int64(tile.W); i++ {
			bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(entry(i)))), entry(i)...)
		}
		tile.L = -1
		file(c2sp(tile), bundle)
	}

	root := must(tlog.TreeHash(size, reader))
	var proofs bytes.Buffer
	list := func(kind string, at int64, first tlog.Hash, hashes []tlog.Hash) {
		fmt.Fprintf(&proofs, "%s %d %v", kind, at, first)
		for _, hash := range hashes {
			fmt.Fprintf(&proofs, " %v", hash)
		}
		fmt.Fprintln(&proofs)
	}
	for i := int64(0); i < size; i += step {
		list("inclusion", i, tlog.RecordHash(entry(i)), must(tlog.ProveRecord(size, i, reader)))
		list("consistency", i+1, must(tlog.TreeHash(i+1, reader)), must(tlog.ProveTree(size, i+1, reader)))
	}
	file("proofs", proofs.Bytes())

	origin := "go.example/log"
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	must(0, err)
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(0, err)
	w := witness{newCosigner("go.example/witness", public), private}
	text := fmt.Sprintf("%s\n%d\n%v\n", origin, size, root)
	file("checkpoint", must(note.Sign(&note.Note{Text: text}, must(note.NewSigner(skey)), w)))
	file("key", []byte(vkey+"\n"))
	file("witnesses", []byte(w.vkey()+"\n"))
}

func number(text string) int64 { return must(strconv.ParseInt(text, 10, 64)) }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func check(holds bool, what string, got any) {
	if !holds {
		log.Panicln("wrong:", what, got)
	}
}
