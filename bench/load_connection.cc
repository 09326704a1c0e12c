#include "bench/load_connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>

namespace holdfast::bench {
namespace {

constexpr std::size_t kHeadBytesMax = 64u << 10;
constexpr std::size_t kShownBytes = 300;

[[noreturn]] void give_up(const std::string& what) { throw std::runtime_error(what); }
[[noreturn]] void give_up_errno(const std::string& what) { give_up(what + ": " + std::strerror(errno)); }
[[noreturn]] void give_up_tls(const std::string& what) {
  const unsigned long code = ERR_get_error();
  give_up(what + ": " + (code != 0 ? ERR_error_string(code, nullptr) : "the connection ended"));
}

/// The value of a field of the head, or nothing; `name` in lower case.
std::string_view field_of(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
    const std::string_view line = head.substr(at + 2);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
    std::string_view value = line.substr(name.size() + 1, line.find("\r\n") - name.size() - 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    return value;
  }
  return {};
}

}  // namespace

Server Server::at(std::string_view url) {
  if (!url.starts_with("https://")) give_up("the URL must be https://HOST:PORT");
  url.remove_prefix(8);
  url = url.substr(0, url.find('/'));
  Server out;
  out.name = url;
  const std::size_t colon = url.rfind(':');
  out.host = url.substr(0, colon);
  const std::string port(colon == std::string_view::npos ? "443" : url.substr(colon + 1));
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  const int failed = getaddrinfo(out.host.c_str(), port.c_str(), &hints, &found);
  if (failed != 0) give_up(out.host + ": " + gai_strerror(failed));
  std::memcpy(&out.address, found->ai_addr, found->ai_addrlen);
  out.address_bytes = found->ai_addrlen;
  freeaddrinfo(found);
  return out;
}

Tls::Tls(const Identity& identity) : context_(SSL_CTX_new(TLS_client_method())) {
  SSL_CTX* const context = context_.get();
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_read_ahead(context, 1);  // a record's head and body in one receive
  const bool trusts = identity.ca.empty() ? SSL_CTX_set_default_verify_paths(context) == 1
                                          : SSL_CTX_load_verify_locations(context, identity.ca.c_str(), nullptr) == 1;
  if (!trusts) give_up_tls("cannot read the authority's certificate");
  if (identity.certificate.empty()) return;
  if (SSL_CTX_use_certificate_chain_file(context, identity.certificate.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, identity.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    give_up_tls("cannot read the client certificate and its key");
  }
}

void Connection::open() {
  shut();
  socket_ = ::socket(server_.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket_ < 0) give_up_errno("no socket");
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&server_.address), server_.address_bytes) != 0) {
    give_up_errno("cannot connect to " + server_.name);
  }
  const int yes = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  ssl_ = SSL_new(tls_.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), server_.host.c_str()) != 1) {
    SSL_set1_host(ssl_, server_.host.c_str());
    SSL_set_tlsext_host_name(ssl_, server_.host.c_str());
  }
  ERR_clear_error();
  SSL_set_fd(ssl_, socket_);
  if (SSL_connect(ssl_) != 1) give_up_tls("cannot shake hands with " + server_.name);
  if (fcntl(socket_, F_SETFL, O_NONBLOCK) != 0) give_up_errno("cannot make the socket non-blocking");
}

void Connection::shut() {
  SSL_free(ssl_);
  if (socket_ >= 0) close(socket_);
  ssl_ = nullptr;
  socket_ = -1;
  awaited_ = false;
}

void Connection::send(Clock::time_point now) {
  sent_at_ = now;
  awaited_ = true;
  in_body_ = false;
  head_.clear();
  ERR_clear_error();
  for (;;) {
    const int sent = SSL_write(ssl_, request.data(), static_cast<int>(request.size()));
    if (sent > 0) return;
    if (SSL_get_error(ssl_, sent) != SSL_ERROR_WANT_WRITE) give_up_tls("cannot send");
    pollfd room{socket_, POLLOUT, 0};  // a request larger than what the socket holds: it goes out before anything else
    poll(&room, 1, 1000);
  }
}

bool Connection::receive() {
  static std::array<char, 64u << 10> buffer;  // one thread; what outlasts a call is copied
  ERR_clear_error();
  for (;;) {
    const int got = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
    if (got <= 0) {
      if (SSL_get_error(ssl_, got) == SSL_ERROR_WANT_READ) return false;
      give_up_tls("no answer");
    }
    if (take({buffer.data(), static_cast<std::size_t>(got)})) {
      awaited_ = false;
      return true;
    }
  }
}

bool Connection::take(std::string_view bytes) {
  if (!in_body_) {
    const bool in_pieces = !head_.empty();
    if (in_pieces) bytes = head_.append(bytes);
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) {
      if (bytes.size() > kHeadBytesMax) give_up("the answer's head has no end");
      if (!in_pieces) head_ = bytes;
      return false;
    }
    const std::string_view head = bytes.substr(0, end + 2);
    answer_ = {};
    if (head.size() < 12 || !head.starts_with("HTTP/1.1 ")) give_up("the answer is not HTTP/1.1");
    std::from_chars(head.data() + 9, head.data() + 12, answer_.status);
    const std::string_view length = field_of(head, "content-length");
    if (std::from_chars(length.data(), length.data() + length.size(), answer_.body_bytes).ec != std::errc()) {
      if (answer_.status != 204) give_up("the answer has no Content-Length");
    }
    answer_.close = field_of(head, "connection") == "close";
    body_left_ = answer_.body_bytes;
    in_body_ = true;
    bytes.remove_prefix(end + 4);
  }
  if (bytes.size() > body_left_) give_up("more came than the answer's length");
  body_left_ -= bytes.size();
  if (answer_.status >= 300 && answer_.start.size() < kShownBytes) answer_.start += bytes.substr(0, kShownBytes);
  return body_left_ == 0;
}

Poll::Poll() : poll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (poll_ < 0) give_up_errno("no epoll");
}

Poll::~Poll() { close(poll_); }

void Poll::add(Connection& connection) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &connection;
  if (epoll_ctl(poll_, EPOLL_CTL_ADD, connection.socket(), &event) != 0) give_up_errno("epoll");
}

void Poll::remove(Connection& connection) { epoll_ctl(poll_, EPOLL_CTL_DEL, connection.socket(), nullptr); }

}  // namespace holdfast::bench
