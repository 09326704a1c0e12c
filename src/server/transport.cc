#include "server/transport.h"

#include <openssl/err.h>

#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>

namespace holdfast::server {

namespace asio = boost::asio;
using trustee::Async;
using trustee::kNoThrow;

Transport::Transport(Socket socket, std::shared_ptr<asio::ssl::context> tls)
    : socket_(std::move(socket)), context_(std::move(tls)) {
  error_code ignored;
  socket_.set_option(Tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
  if (!context_) return;
  tls_.reset(SSL_new(context_->native_handle()));
  if (!tls_) return;
  SSL_set_fd(tls_.get(), socket_.native_handle());
  SSL_set_accept_state(tls_.get());
}

Async<Transport::error_code> Transport::wait_after(int outcome) {
  switch (SSL_get_error(tls_.get(), outcome)) {
    case SSL_ERROR_WANT_READ: {
      const auto [error] = co_await socket_.async_wait(Socket::wait_read, kNoThrow);
      co_return error;
    }
    case SSL_ERROR_WANT_WRITE: {
      const auto [error] = co_await socket_.async_wait(Socket::wait_write, kNoThrow);
      co_return error;
    }
    case SSL_ERROR_ZERO_RETURN:
      co_return asio::error::eof;
    case SSL_ERROR_SYSCALL:
      co_return errno ? error_code(errno, boost::system::system_category()) : asio::error::eof;
    default:
      co_return asio::error::connection_aborted;  // what OpenSSL says would help nobody but an attacker
  }
}

// OpenSSL keeps its errors in a queue of the thread, where another connection's would be taken for one's own: so it is
// emptied before each call.

Async<Transport::error_code> Transport::handshake() {
  if (!context_) co_return error_code();
  if (!tls_) co_return asio::error::no_memory;
  while (true) {
    ERR_clear_error();
    errno = 0;
    const int done = SSL_do_handshake(tls_.get());
    if (done == 1) co_return error_code();
    const error_code error = co_await wait_after(done);
    if (error) co_return error;
  }
}

Async<Transport::Moved> Transport::read(char* out, std::size_t size, Likely likely) {
  if (!tls_) co_return co_await read_raw(out, size);
  if (likely == Likely::later && !SSL_has_pending(tls_.get())) {
    const auto [error] = co_await socket_.async_wait(Socket::wait_read, kNoThrow);
    if (error) co_return Moved{error};
  }
  while (true) {
    ERR_clear_error();
    errno = 0;
    Moved moved;
    const int done = SSL_read_ex(tls_.get(), out, size, &moved.bytes);
    if (done == 1) co_return moved;
    moved.error = co_await wait_after(done);
    if (moved.error) co_return moved;
  }
}

Async<Transport::error_code> Transport::write(std::string_view bytes) {
  if (!tls_) {
    const auto buffer = asio::buffer(bytes.data(), bytes.size());
    const auto [error, sent] = co_await asio::async_write(socket_, buffer, kNoThrow);
    co_return error;
  }
  while (!bytes.empty()) {
    ERR_clear_error();
    errno = 0;
    std::size_t sent = 0;
    const int done = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &sent);
    if (done == 1) {
      bytes.remove_prefix(sent);
      continue;
    }
    const error_code error = co_await wait_after(done);
    if (error) co_return error;
  }
  co_return error_code();
}

void Transport::end_writing() {
  ERR_clear_error();
  if (tls_) static_cast<void>(SSL_shutdown(tls_.get()));  // the other side's word is not waited for
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

Async<Transport::Moved> Transport::read_raw(char* out, std::size_t size) {
  const auto buffer = asio::buffer(out, size);
  const auto [error, got] = co_await socket_.async_read_some(buffer, kNoThrow);
  co_return Moved{error, got};
}

void Transport::cancel() {
  error_code ignored;
  socket_.cancel(ignored);
}

void Transport::close() {
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace holdfast::server
