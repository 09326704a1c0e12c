#pragma once

#include <boost/asio/ssl/context.hpp>
#include <ctime>
#include <memory>

#include "base/result.h"
#include "server/config.h"
#include "trustee/caller.h"

namespace holdfast::server {

/// A TLS 1.3 server context: certificates are asked of clients and must be good when sent, but need not be sent.
/// Errors: invalid "tls.certificate", "tls.key", "tls.client_ca", each with OpenSSL's reason; "key.file.wide".
Result<std::shared_ptr<boost::asio::ssl::context>> make_tls(const Config::Tls& files);

/// When the certificate that it shows ends.
std::time_t certificate_end(const boost::asio::ssl::context& tls);

/// Who is at the other end, by the client certificate; asked once a connection.
struct Peer {
  Result<trustee::Caller> caller;  ///< kind nobody when there is no certificate
  std::time_t not_after = 0;       ///< the certificate's end
};
Peer identify(const SSL* connection, std::string_view trust_domain);

}  // namespace holdfast::server
