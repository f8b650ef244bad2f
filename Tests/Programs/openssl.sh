# SPDX-License-Identifier: Apache-2.0
#
# OpenSSL: ciphers and digests of known data, keys, a TLS session over a Unix socket, and its speed test in two forks.

tools=(openssl)
packages=(openssl)
witness=(openssl)
limit=60

prepare() {
  cd "$PROGRAM_SHARED"
  head -c "$(pick 30000000 5000000)" /dev/zero | openssl enc -aes-128-ctr -K 00112233445566778899aabbccddeeff \
    -iv 00000000000000000000000000000000 >data
  openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 -subj /CN=localhost 2>/dev/null
}

run() {
  local data=$PROGRAM_SHARED/data algorithm
  for algorithm in sha256 sha3-512 blake2b512 md5; do under 30 openssl dgst -"$algorithm" <"$data"; done
  for algorithm in aes-256-cbc chacha20 camellia-128-cbc; do
    under 30 openssl enc "-$algorithm" -pbkdf2 -k secret -nosalt <"$data" >sealed
    under 30 openssl enc -d "-$algorithm" -pbkdf2 -k secret -nosalt <sealed | cmp - "$data"
    digest sealed
  done
  under 30 openssl genrsa -out new.pem 2048 2>/dev/null
  under 30 openssl rsa -in new.pem -check -noout
  under 30 openssl ecparam -name prime256v1 -genkey -noout -out curve.pem
  under 30 openssl dgst -sha256 -sign curve.pem -out signature "$data"
  under 30 openssl ec -in curve.pem -pubout -out public.pem 2>/dev/null
  under 30 openssl dgst -sha256 -verify public.pem -signature signature "$data"
  under 30 openssl x509 -in "$PROGRAM_SHARED/cert.pem" -noout -subject -modulus
  serve openssl s_server -unix tls -cert "$PROGRAM_SHARED/cert.pem" -key "$PROGRAM_SHARED/key.pem" -www -quiet
  until_true 10 sh -c 'timeout 5 openssl s_client -unix tls </dev/null'
  mapped "$server"
  for _ in 1 2 3 4 5; do
    printf 'GET / HTTP/1.0\r\n\r\n' | under 20 openssl s_client -unix tls -quiet 2>/dev/null | grep -c BODY || true
  done
  kill "$server"
  under 40 openssl speed -seconds 1 -multi 2 -bytes 1024 sha256 >/dev/null 2>&1
  echo "speed ended with $?"
}
