# SPDX-License-Identifier: Apache-2.0
#
# nginx with two worker processes on a Unix socket: many small and large bodies, compressed ones, and a reload.

tools=(nginx curl)
packages=(nginx-light curl)
witness=(nginx curl)
limit=60

run() {
  mkdir site logs
  seq 1 200000 >site/large.txt
  for i in {1..50}; do seq 1 "$((i * 10))" >"site/$i.txt"; done
  chmod -R a+rX .
  cat >nginx.conf <<CONF
daemon off; worker_processes 2; pid $PWD/nginx.pid; error_log $PWD/logs/error.log; user $(id -un) $(id -gn);
events { worker_connections 256; }
http {
  types { text/plain txt; }
  access_log $PWD/logs/access.log;
  client_body_temp_path $PWD/body; proxy_temp_path $PWD/proxy; fastcgi_temp_path $PWD/fastcgi;
  uwsgi_temp_path $PWD/uwsgi; scgi_temp_path $PWD/scgi;
  gzip on; gzip_types text/plain; gzip_min_length 100;
  server { listen unix:$PWD/front; root $PWD/site; }
  server { listen unix:$PWD/proxied; location / { proxy_pass http://unix:$PWD/front:; proxy_buffers 8 4k; } }
}
CONF
  serve nginx -p "$PWD" -e "$PWD/logs/error.log" -c "$PWD/nginx.conf"
  until_true 20 test -S proxied
  mapped "$server"
  local urls=() i round
  for i in {1..50}; do urls+=("http://localhost/$i.txt"); done
  for round in 1 2 3; do
    for socket in front proxied; do
      under 30 curl -s --unix-socket "$socket" "${urls[@]}" | sha256sum
      under 30 curl -s --compressed --unix-socket "$socket" "${urls[@]}" http://localhost/large.txt | sha256sum
    done
    under 30 curl -s -Z --parallel-max 20 --unix-socket proxied -o 'body#1' 'http://localhost/[1-50].txt' 2>/dev/null
    cat body?* | wc -c
    kill -HUP "$server"
    sleep 0.3
  done
  stop "$server" || echo "the server ended with status $?"
  grep -cE 'signal 11|signal 6|alert' logs/error.log || true
}
