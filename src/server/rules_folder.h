#pragma once

#include <string>
#include <string_view>

#include "agreement/agreement.h"

namespace holdfast::server {

/// Where the Debian package puts the rule packs.
inline constexpr std::string_view kRulesFolder = "/usr/share/holdfast/rules";

/// Rule packs by name from the files of a folder: `NAME@VERSION.yaml`, else `NAME.yaml`. What a file says of itself is
/// the reader's to check.
agreement::PackReader packs_in(std::string folder);

}  // namespace holdfast::server
