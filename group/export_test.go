package group

import "time"

// SetCredentialLife shortens what takes weeks, until the function that it returns is called.
func SetCredentialLife(d time.Duration) (restore func()) {
	old := credentialLife
	credentialLife = d
	return func() { credentialLife = old }
}
