#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace holdfast::trustee {

/// Who calls: what the client certificate says, nothing else.
struct Caller {
  enum class Kind : unsigned char { nobody, party, subject } kind = Kind::nobody;
  std::string name;  ///< the party's name, or the subject's id

  /// From the URI in a certificate's SAN: spiffe://<trust_domain>/party/<name> or …/subject/<id> (percent-decoded).
  /// unauthenticated "caller.unknown" for anything else.
  static Result<Caller> from_spiffe(std::string_view uri, std::string_view trust_domain);
};

}  // namespace holdfast::trustee
