{
  # CMakeLists.txt is the one truth about the build; this lets node-gyp, and so prebuildify, run it.
  'targets': [{
    'target_name': 'roi-loss',
    'type': 'none',
    'actions': [{
      'action_name': 'cmake',
      'inputs': ['CMakeLists.txt'],
      'outputs': ['<(PRODUCT_DIR)/roi-loss.node'],
      'action': ['node', 'node_modules/cmake-js/bin/cmake-js', 'build', '--out', '<(PRODUCT_DIR)'],
    }],
  }],
}
