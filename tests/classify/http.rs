//! HTTP requests, by the corpus.

use super::corpus::check;
use countersign::classify::http;

#[test]
fn requests_do_what_the_corpus_says() {
    check("http.txt", include_str!("http.txt"), |request| {
        let mut lines = request.lines();
        let (method, url) = lines.next().unwrap().split_once(' ').unwrap();
        let headers: Vec<(&str, &str)> = lines.map(|line| line.split_once(": ").unwrap()).collect();
        http::read(method, url, &headers)
    });
}
