DROP FUNCTION app.turn_pages(uuid, integer);
DROP FUNCTION app.pages_due(interval);
DROP VIEW app.page_documents;
DROP TABLE app.page_histories;
DROP TABLE app.pages;
DROP FUNCTION app.log_page();
DROP FUNCTION app.forget_pages();
DROP FUNCTION app.forget_versions();
DROP FUNCTION app.stamp_page();
