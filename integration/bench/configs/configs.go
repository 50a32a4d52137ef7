// Package configs has what each proxy of the bench is configured with, as somebody would do who wants it fast:
// nothing is spooled, connections to the engine are kept, nothing is logged.
package configs

const nginxHead = `daemon off; worker_processes 2; error_log stderr error; pid %[1]s/nginx.pid;
events { worker_connections 16384; }
http {
  access_log off; client_max_body_size 0; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s; keepalive_requests 100000000;
  upstream engine { server %[4]s; keepalive 128; keepalive_requests 100000000; }
`

const nginxServer = `
  server {
    listen %[3]s ssl; ssl_certificate %[2]s/cert.pem; ssl_certificate_key %[2]s/key.pem; ssl_protocols TLSv1.3;
    ssl_session_tickets on;
`

const nginxPass = `
      proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host %[4]s;
      proxy_request_buffering off; client_body_buffer_size 1m;
`

// NginxPlain passes everything on; of the authoriser it knows nothing. Both of nginx take its folder, that of
// certificates, its own address, that of the engine and that of the authoriser.
const NginxPlain = nginxHead + nginxServer + "    location / {" + nginxPass + "    }\n  }\n}\n# %[5]s\n"

// NginxAsking admits addresses and asks an authoriser, as one sets it up today.
const NginxAsking = nginxHead + `  upstream authoriser { server %[5]s; keepalive 128; keepalive_requests 100000000; }
` + nginxServer + `    location = /api/liferay/do { allow 127.0.0.1; deny all; auth_request /authorise;` + nginxPass + `    }
    location = /authorise {
      internal; proxy_pass http://authoriser; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_pass_request_body off; proxy_set_header Content-Length "";
    }
  }
}
`

// HAProxy takes the folder of certificates, its own address and that of the engine.
const HAProxy = `global
  nbthread 2
  ssl-default-bind-options ssl-min-ver TLSv1.3
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend outside
  bind %[2]s ssl crt %[1]s/both.pem alpn http/1.1
  default_backend engine
backend engine
  server one %[3]s pool-max-conn 128
`

const caddyHead = `{
  admin off
  auto_https off
  persist_config off
  servers {
    protocols h1
  }
  log {
    level ERROR
  }
}
https://%[2]s {
  tls %[1]s/cert.pem %[1]s/key.pem
`

const caddyPass = `  reverse_proxy http://%[3]s {
    transport http {
      keepalive_idle_conns_per_host 128
    }
  }
}
`

// CaddyPlain passes everything on. Both of Caddy take the folder of certificates, its own address, that of the
// engine and that of the authoriser.
const CaddyPlain = caddyHead + caddyPass + "# %[4]s\n"

// CaddyAsking asks the authoriser first.
const CaddyAsking = caddyHead + `  forward_auth %[4]s {
    uri /authorise
    transport http {
      keepalive_idle_conns_per_host 128
    }
  }
` + caddyPass

// Stagelock checks everything; its quotas let through what the driver sends. It takes the folder of
// certificates, its own address, its data folder, the address of the engine and the shared secret.
const Stagelock = `listen: ["%[2]s"]
names: ["127.0.0.1"]
data: %[3]s
tls: { source: files, certificate: %[1]s/cert.pem, key: %[1]s/key.pem }
hosts: { allow: ["127.0.0.1"] }
engine:
  line: "7.4"
  browser_url: https://www.example.com
  upstream:
    health: { call: 0s }
    nodes: ["http://%[4]s"]
    secret: { value: "%[5]s" }
peers:
  - name: staging
    sites: [20121]
    logins: ["publisher@example.com"]
    secret: { value: "%[5]s" }
quota:
  per_address_rate: 1000000/s
  per_address_burst: 1000000
  peer_rate: 1000000/s
  peer_burst: 1000000
  calls_per_peer: 1024
  connections: 16384
  connections_per_address: 16384
admin: { listen: ["unix:admin.sock"] }
`
