"""Models of a yes-no outcome of a record: paper C's QRCNN-LSTM, its ablations, and peers."""
