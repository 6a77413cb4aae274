# What `cmake --install` installs: the two programs, the C++ library as one archive with its public headers
# (include/jangada) and a package for find_package(jangada), the .proto files, the configuration with every option,
# and what lets bash complete the command line.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# One archive with all that the client stands on, so that no library of the house is known outside. It links
# nothing in this tree; outside, its package finds what it needs.
add_library(jangada_archive STATIC
  $<TARGET_OBJECTS:jangada_client> $<TARGET_OBJECTS:jangada_record_batch> $<TARGET_OBJECTS:jangada_base>
  $<TARGET_OBJECTS:jangada_messages> $<TARGET_OBJECTS:jangada_proto>)
set_target_properties(jangada_archive PROPERTIES OUTPUT_NAME jangada EXPORT_NAME client LINKER_LANGUAGE CXX)
target_compile_features(jangada_archive INTERFACE cxx_std_20)
target_include_directories(jangada_archive INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(jangada_archive INTERFACE
  $<INSTALL_INTERFACE:PkgConfig::JANGADA_NEEDS> $<INSTALL_INTERFACE:snappy> $<INSTALL_INTERFACE:Threads::Threads>)

# The script comes from the program, which alone knows its commands. bash looks for it under the program's name.
set(completion ${CMAKE_BINARY_DIR}/package/completions/jangada)
add_custom_command(OUTPUT ${completion}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/package/completions
  COMMAND jangada completion bash > ${completion}
  DEPENDS jangada VERBATIM)
add_custom_target(jangada_completion ALL DEPENDS ${completion})

# What must be built before `cmake --install`; everything else is for tests.
add_custom_target(installable DEPENDS jangada jangada-server jangada_archive jangada_completion)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/jangada)
set(JANGADA_PROTO_FOLDER ${CMAKE_INSTALL_DATADIR}/jangada/proto)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/jangada-config.cmake.in
  ${CMAKE_BINARY_DIR}/package/jangada-config.cmake
  INSTALL_DESTINATION ${package_folder} PATH_VARS JANGADA_PROTO_FOLDER)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/jangada-config-version.cmake
  COMPATIBILITY SameMinorVersion)

install(TARGETS jangada jangada-server RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS jangada_archive EXPORT jangada ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT jangada NAMESPACE jangada:: FILE jangada-targets.cmake DESTINATION ${package_folder})
install(FILES ${CMAKE_BINARY_DIR}/package/jangada-config.cmake ${CMAKE_BINARY_DIR}/package/jangada-config-version.cmake
  DESTINATION ${package_folder})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/jangada DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
foreach(proto common log admin group)  # what clients need; the others are between nodes
  install(FILES ${CMAKE_SOURCE_DIR}/proto/jangada/v1/${proto}.proto
    DESTINATION ${CMAKE_INSTALL_DATADIR}/jangada/proto/jangada/v1)
endforeach()
install(FILES ${CMAKE_SOURCE_DIR}/deploy/jangada.yaml ${CMAKE_SOURCE_DIR}/deploy/jangada-server.service
  DESTINATION ${CMAKE_INSTALL_DATADIR}/jangada)
install(FILES ${completion} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
