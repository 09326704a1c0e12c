# docs/openapi.yaml into the server, so that what is served is what is documented.
set(document ${CMAKE_SOURCE_DIR}/docs/openapi.yaml)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${document})
file(READ ${document} HOLDFAST_OPENAPI)
configure_file(${CMAKE_CURRENT_LIST_DIR}/openapi.cc.in ${CMAKE_BINARY_DIR}/generated/openapi.cc @ONLY)
target_sources(server PRIVATE ${CMAKE_BINARY_DIR}/generated/openapi.cc)
