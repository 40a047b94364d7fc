DROP TABLE app.signing_keys;
DROP TABLE app.data_keys;
