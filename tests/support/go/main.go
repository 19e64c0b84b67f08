// Signs a zip as a reseed bundle, with a key made for it: the library of go-i2p does the work.
//
// Usage: bundle IN.zip OUT.su3 SIGNER OUT.crt
package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"log"
	"os"

	"github.com/go-i2p/su3"
)

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: bundle IN.zip OUT.su3 SIGNER OUT.crt")
	}
	content, err := os.ReadFile(os.Args[1])
	check(err)
	key, err := rsa.GenerateKey(rand.Reader, 4096)
	check(err)
	certificate, err := su3.NewSigningCertificate(os.Args[3], key)
	check(err)

	file := su3.New()
	file.SetContent(content)
	file.SetSignerID(os.Args[3])
	file.SetFileType(su3.ZIP)
	file.SetContentType(su3.RESEED)
	file.SetSignatureType(su3.RSA_SHA512_4096)
	check(file.Sign(key))
	data, err := file.MarshalBinary()
	check(err)

	check(os.WriteFile(os.Args[2], data, 0o644))
	block := pem.Block{Type: "CERTIFICATE", Bytes: certificate}
	check(os.WriteFile(os.Args[4], pem.EncodeToMemory(&block), 0o644))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
