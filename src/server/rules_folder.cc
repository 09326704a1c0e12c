#include "server/rules_folder.h"

#include "agreement/yaml.h"
#include "base/file.h"

namespace holdfast::server {

agreement::PackReader packs_in(std::string folder) {
  return [folder = std::move(folder)](const agreement::PackReference& pack) -> Result<std::string> {
    const std::string stem = folder + "/" + pack.name;  // a name has no slash and no dot
    auto one = read_file(stem + "@" + std::to_string(pack.version) + ".yaml", agreement::kDocumentBytesMax);
    if (one || one.error().code != Code::not_found) return one;
    auto any = read_file(stem + ".yaml", agreement::kDocumentBytesMax);
    if (any || any.error().code != Code::not_found) return any;
    return fail(Code::not_found, "rules.missing", folder, "there is no such pack in " + folder);
  };
}

}  // namespace holdfast::server
