use crate::check_layer;

#[test]
fn kernels_match_their_twins() {
    check_layer("limits");
}
