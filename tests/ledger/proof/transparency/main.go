// Command transparency checks what this project writes with the readers that transparency logs use:
// golang.org/x/mod/sumdb/note and tlog (the Go checksum database) and transparency-dev's formats
// and merkle (Tessera, Sigstore). It reads one JSON document and prints "ok" or the first fault.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/transparency-dev/formats/log"
	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type document struct {
	Origin      string
	VerifierKey string
	Leaves      []struct {
		Leaf      string
		TlogProof string
	}
	Growth []struct {
		Old, New string
		Proof    [][]byte
	}
}

func main() {
	var given document
	if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
		fail(err)
	}
	verifier, err := note.NewVerifier(given.VerifierKey)
	if err != nil {
		fail(err)
	}
	for at, one := range given.Leaves {
		if err := included(given.Origin, verifier, one.Leaf, one.TlogProof); err != nil {
			fail(fmt.Errorf("leaf %d: %w", at, err))
		}
	}
	for at, one := range given.Growth {
		if err := grown(given.Origin, verifier, one.Old, one.New, one.Proof); err != nil {
			fail(fmt.Errorf("growth %d: %w", at, err))
		}
	}
	fmt.Println("ok", len(given.Leaves), len(given.Growth))
}

func fail(err error) {
	fmt.Println(err)
	os.Exit(1)
}

func included(origin string, verifier note.Verifier, leaf, text string) error {
	var read tlogproof.TLogProof
	if err := read.Unmarshal([]byte(text)); err != nil {
		return err
	}
	checkpoint, _, _, err := log.ParseCheckpoint(read.Checkpoint, origin, verifier)
	if err != nil {
		return err
	}
	hashes := make([][]byte, len(read.Hashes))
	record := make(tlog.RecordProof, len(read.Hashes))
	for at, hash := range read.Hashes {
		hashes[at] = hash[:]
		record[at] = tlog.Hash(hash)
	}
	hash := rfc6962.DefaultHasher.HashLeaf([]byte(leaf))
	err = proof.VerifyInclusion(rfc6962.DefaultHasher, read.Index, checkpoint.Size, hash, hashes, checkpoint.Hash)
	if err != nil {
		return err
	}
	root := tlog.Hash(checkpoint.Hash)
	return tlog.CheckRecord(record, int64(checkpoint.Size), root, int64(read.Index), tlog.RecordHash([]byte(leaf)))
}

func grown(origin string, verifier note.Verifier, before, after string, hashes [][]byte) error {
	old, _, _, err := log.ParseCheckpoint([]byte(before), origin, verifier)
	if err != nil {
		return err
	}
	now, _, _, err := log.ParseCheckpoint([]byte(after), origin, verifier)
	if err != nil {
		return err
	}
	return proof.VerifyConsistency(rfc6962.DefaultHasher, old.Size, now.Size, hashes, old.Hash, now.Hash)
}
